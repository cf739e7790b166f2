"""Everything at once while the network misbehaves: what clients were promised, held against what is there."""
