"""The live data plane: one module for each node, the messages between them, and the logic of each without sockets."""
