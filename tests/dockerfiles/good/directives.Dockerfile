# syntax=docker/dockerfile:1
# check=skip=UndefinedVar,JSONArgsRecommended;error=true
FROM alpine
ENV a=$undefined
CMD a b
