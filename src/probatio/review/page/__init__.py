"""The page: one case at a time, in a browser, on this machine unless told otherwise. Plain forms; keys on top."""
