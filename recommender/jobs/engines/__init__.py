"""Where the steps of a job are computed: in this process, or on a Ray cluster."""
