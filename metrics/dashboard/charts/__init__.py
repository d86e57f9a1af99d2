"""Charts: Altair specs without data, built once and kept, drawn with the rows as named datasets.

Building a spec costs far more than sending rows. Every layer has a name: Altair's own names would change with the
data, and a changed spec makes the browser build the chart anew instead of updating it.
"""
