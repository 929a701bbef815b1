"""Memory: tiers over one store, recall with abstention, questions in English."""
