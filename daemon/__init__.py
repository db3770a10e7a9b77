"""The shell: time, network, files, process. It wires and decides nothing."""
