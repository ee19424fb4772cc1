"""From candidates to a list: neighbor tables, blend, live lists, reranking, backfill, explanations."""
