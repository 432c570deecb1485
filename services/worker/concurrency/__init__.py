"""Steps that go on at the same time, in order and with bounded memory."""
