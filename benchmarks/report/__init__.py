"""The documents about the results. No figure in them is typed by hand: `fill` writes what stands between the marks.

Needs nothing but the standard library, apart from the plots.
"""
