"""Published lists over HTTP, for the newsroom's system and for its editors; the extra ``recommender[serve]``."""
