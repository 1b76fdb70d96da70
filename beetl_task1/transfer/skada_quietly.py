"""skada, without what importing it does to scikit-learn."""


def import_skada():
    """Import skada, which switches on scikit-learn's metadata routing for everybody, and switch that off again.

    Returns
    -------
    module
    """
    import sklearn

    with sklearn.config_context():
        import skada
    return skada
