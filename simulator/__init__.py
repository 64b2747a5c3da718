"""An SMSC that stands in for the carriers."""
