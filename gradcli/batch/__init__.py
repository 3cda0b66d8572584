"""Rows of data in, values and gradients out.

Enters: a program, tables. Leaves: tables, and counts of what happened. Invariant: what is wrong with names, columns or
outputs is told before any row is computed; nothing here prints.
"""
