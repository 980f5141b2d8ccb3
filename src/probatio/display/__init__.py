"""Figures and tables, drawn from result rows and series only; rounding and wording happen here."""
