"""How good the recommendations are: splits, metrics, systems side by side, and the gate before publishing."""
