"""Decides whether a challenger may take the champion's place.

`rules` reads the limits, `models` asks the two models, `losses` judges each answer,
`measuring` compares, `checks` holds the figures against the limits, `gate` does all of
it, `page` and `plots` show it, `records` keeps it in MLflow.
"""
