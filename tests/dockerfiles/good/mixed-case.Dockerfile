FROM alpine as base
env a=1
Copy x /x
LABEL a=b
CMD ["a"]
