"""Official documents between agencies: packets of QCVN 102:2016/BTTTT (amendment 1:2022) and of the e-doc generation before it.

Octets become values (`read`) and values octets (`write`); everything here is pure. What two adapters need stands here, what is
one bus's own in its folder.
"""
