"""The marketplace's own events of EPCIS: what use cases of stock and fulfilment did, told where it happened."""
