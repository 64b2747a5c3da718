"""A load client: messages at a rate or as fast as they are taken, to an SMSC or a gateway, and what became of them."""
