namespace LocalCloud;

/// <summary>Two local clouds over one data folder would write into each other's session map.</summary>
internal static class FolderLock
{
    public static FileStream Take(string folder)
    {
        Directory.CreateDirectory(folder);
        try
        {
            return new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new LocalCloudException($"{folder} is in use by another local cloud: stop it or set LOCAL_CLOUD_DATA");
        }
    }
}
