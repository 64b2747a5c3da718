"""The commands of people and scripts who use a running gateway, or look into its store."""
