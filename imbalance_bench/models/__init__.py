"""The networks that the remedies are compared on."""
