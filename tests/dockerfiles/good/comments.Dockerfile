# first

  # indented
FROM alpine
# between
RUN a \
# inside
  # indented inside
  && b
   # last
