using System.Security.Cryptography;

namespace LocalCloud;

/// <summary>A secret made up at the first start and kept in the data folder, so that none is ever part of the source.</summary>
internal static class KeptSecret
{
    /// <summary>32 random bytes in hexadecimal.</summary>
    public static string LoadOrCreate(string path) => LoadOrCreate(path, () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));

    public static string LoadOrCreate(string path, Func<string> create)
    {
        if (File.Exists(path))
        {
            return File.ReadAllText(path);
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var unfinished = $"{path}.{Guid.NewGuid():N}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var writer = new StreamWriter(unfinished, options))
        {
            writer.Write(create());
        }

        // Renamed when whole: a start that was cut off leaves no half a key behind.
        File.Move(unfinished, path, overwrite: true);
        return File.ReadAllText(path);
    }
}
