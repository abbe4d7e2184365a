"""Why a step ran: what decided its key, then and now."""
