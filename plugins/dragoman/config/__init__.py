"""What the operator decided: the YAML read with its lines, checked, typed."""
