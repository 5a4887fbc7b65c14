FROM alpine
# check=skip=UndefinedVar
ENV a=$undefined
ENV b=$undefined
