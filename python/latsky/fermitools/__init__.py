"""Operations that the Fermitools offer through pyLikelihood only."""
