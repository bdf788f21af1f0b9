"""What travels between Sales and Inventory: message types and error types, nothing else.

One definition serves both ends. The sending service encodes it, the receiving one decodes and validates it.
"""
