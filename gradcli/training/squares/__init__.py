"""Least squares: curves fitted with exact Jacobians, and how sure their parameters are."""
