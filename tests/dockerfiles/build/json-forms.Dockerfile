FROM scratch
COPY ["a.txt", "b.txt", "/x/"]
ADD ["dir/one.txt", "/y z/"]
CMD ["a", "\u0062", "c\"d"]
ENTRYPOINT []
SHELL ["x"]
VOLUME ["/v"]
