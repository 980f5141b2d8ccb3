"""Correction: the best estimate when all patients have AI data and only some have the reference."""
