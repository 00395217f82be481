"""PESTO (Airbus Geo Processing API) as version 1.7 speaks it; where that fails its clients, we do better."""
