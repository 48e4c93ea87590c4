"""Parcels: legs as children of their cases, and the account of a day. Pure.

`traffic` is what the journal told, `legs` what became of each parcel, `reconciliation` whether all of it fits together.
"""
