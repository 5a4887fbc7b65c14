# escape=x
# syntax=a
# SYNTAX=b
# check=skp=all
FROM alpine
