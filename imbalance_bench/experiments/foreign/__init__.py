"""Predictions made elsewhere: read, checked, and put in the place of stored runs."""
