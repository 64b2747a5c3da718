"""The gateway server: door, store, carriers."""
