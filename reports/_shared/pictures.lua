-- Quarto's pandoc converts no SVG for Word without librsvg: the PNG beside a drawing takes its place.
function Image(image)
  local picture = image.src:gsub("%.svg$", ".png")
  local file = picture ~= image.src and io.open(picture, "rb")
  if file then
    file:close()
    image.src = picture
    return image
  end
end
