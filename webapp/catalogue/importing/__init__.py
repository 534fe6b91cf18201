"""A catalogue file on its way in: columns, rows, plan, apply. Nothing is half-imported.

`columns` guesses what each column means, `rows` makes a product or findings of each row, `plan`
holds them against what is there, `apply` writes all of it in one transaction.
"""
