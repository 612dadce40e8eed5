"""Time: how far apart two stories were published, in either direction."""

from recommender.features.pairs import Column, Family

TIME = Family(
    "time",
    "The stories were published close together.",
    (Column("distance", "hours between the two publications", -1),),
    lambda pairs: (pairs.hours,),
)
