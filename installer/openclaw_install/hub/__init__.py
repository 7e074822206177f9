"""The self-hosted other side: agents, keys and skills behind the contracts that the services speak."""
