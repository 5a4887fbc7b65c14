"""What `benches/compare`, `benches/scale` and `benches/plot` have in common."""
