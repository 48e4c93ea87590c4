"""Evidence that leaves the building: bundles of proof, built and checked. Who reads the journal for one is elsewhere."""
