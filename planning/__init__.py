"""What to do: programme rules, blocks, sites and the pipeline that runs them."""
