FROM scratch
SHELL ["/bin/x", "-c"]
CMD echo  two   spaces "q"
ENTRYPOINT [ "not json
