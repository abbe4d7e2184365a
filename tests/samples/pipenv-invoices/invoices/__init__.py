"""Invoices from a ledger."""
