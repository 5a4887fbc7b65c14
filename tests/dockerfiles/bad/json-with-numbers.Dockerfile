FROM alpine
CMD ["a", 1]
VOLUME [["/x"]]
