namespace LocalCloud;

/// <summary>What keeps the local cloud from running, said to whoever started it.</summary>
internal sealed class LocalCloudException(string message) : Exception(message);
