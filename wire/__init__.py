"""The JSON of the contract: pydantic at the edge, domain values inside."""
