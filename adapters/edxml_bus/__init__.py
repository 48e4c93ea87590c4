"""Official documents over the document buses: the national bus's client API, and a province's REST variant of it."""
