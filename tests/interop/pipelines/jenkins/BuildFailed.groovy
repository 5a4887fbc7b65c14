/** A step has failed the build. */
class BuildFailed extends Exception {
    BuildFailed(String message) { super(message) }
}
