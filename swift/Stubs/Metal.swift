// What the package asks of Metal: that it is there.
public protocol MTLDevice {}
