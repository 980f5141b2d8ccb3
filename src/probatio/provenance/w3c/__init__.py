"""Provenance as W3C PROV: of one value (confidential), of a whole run (without patients)."""
