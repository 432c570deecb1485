"""The audit trail of calls: which methods have entries, where a call comes from, and the list for operators."""
